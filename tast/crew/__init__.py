"""One job per item, over processes of this machine or the workers of a Dask cluster; `each.py` is the way in."""
