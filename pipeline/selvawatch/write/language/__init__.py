"""Words: English in the code, Spanish in the catalogue alone, texts from outside made harmless.

`i18n.language` gives a language by its code; `vocabulary` has the words of codes, `labels` those of columns,
tables and legends; `sanitise` is for texts from outside.
"""
