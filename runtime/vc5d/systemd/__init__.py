"""What vc5d and systemd say to each other: readiness, watchdog, credentials, descriptors, the journal."""
