"""The DVC stages, one program each: `python -m flows.stages.NAME`. They need no server, and know no Prefect."""
