"""Video in and out: nothing else opens or writes one. Pictures are RGB, or the file's own luma and chroma; upright, timed."""
