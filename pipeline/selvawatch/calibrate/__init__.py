"""Where numbers of models come from: operating points, the cause rule, and the events it is practised on."""
