"""Text models: base models, batches, training, scoring and calibration. Runs alone on a bare GPU machine."""
