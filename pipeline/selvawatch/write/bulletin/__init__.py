"""Bulletins and maps: what they say, how it looks in a language, and the self-contained pages.

`bulletin_model` is what steps fill in (`Bulletin`, `Coverage`, `Picture` and their parts, `headline`,
`loss_table`); `bulletin.write_bulletin`, `map_page.write_map` and `pdf.write_pdf` write it; `pictures`
(`Window`, `drawn_alike`) draws.
"""
