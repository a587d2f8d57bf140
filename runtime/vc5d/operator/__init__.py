"""What an operator asks for: the control socket, reload, drain, status, flows."""
