"""What goes over the wire: strict models, nothing unknown accepted, every number finite."""
