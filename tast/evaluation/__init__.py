"""How good, how sure: metrics, baselines, a contest of two models, pictures and the report."""
