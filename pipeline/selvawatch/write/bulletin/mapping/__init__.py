"""What maps share: a shape for each status, names of the lines, legend of both."""
