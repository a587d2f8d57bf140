"""The project on the kernel at hand, part by part, and what a build machine's kernel may lack."""
