"""Any `torch.nn.Module` as a network: what it is fed, where it is read, its modules as sites."""
