"""How `make tables` starts Snakemake and its jobs."""
