"""Alerts and forms for the tools that people take to the field, one file a format."""
