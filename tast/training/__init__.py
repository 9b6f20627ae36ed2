"""Fitting a network that it receives: inputs, augmentation, loss, loop, several processes as one, checkpoints."""
