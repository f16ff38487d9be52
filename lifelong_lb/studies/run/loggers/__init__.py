"""TensorBoard, Weights & Biases and MLflow loggers, called in each run's process; they do not affect results."""
