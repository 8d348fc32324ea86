"""The Lambda functions: handler.py wires, service.py decides, settings.py reads the environment once."""
