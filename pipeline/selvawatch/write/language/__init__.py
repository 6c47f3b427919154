"""Words: English in the code, Spanish in the catalogue, texts from outside made harmless."""
