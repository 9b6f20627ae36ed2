"""Tables of many trainings beside the pipeline's own: the ablation, the methods side by side, and what benchmarks share."""
