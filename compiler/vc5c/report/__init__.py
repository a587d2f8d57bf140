"""What a person, a program or a CI system is shown of the problems that were found."""
