"""From a video to clips of the face: align, mask, magnify, cut; `pipeline.py` is where the order stands."""
