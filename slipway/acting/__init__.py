"""Act on a deployment: start runs, send files, correct, redrive; each action is followed to its end."""
