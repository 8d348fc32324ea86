"""What the operator of an experiment holds in hand: crashes at a chosen call, a record of permissions used, control."""
