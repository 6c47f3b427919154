"""Catalogues of scenes: public archives by name, STAC APIs, folders, and several of them as one."""
