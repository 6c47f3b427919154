"""Words: English in the code, Spanish in the catalogue alone, texts from outside made harmless."""
