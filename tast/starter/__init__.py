"""A new project's folder, made from the files of this one: `tast init`."""
