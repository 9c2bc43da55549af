"""What is told of the work: metrics, stages, score drift, traces, logs."""
