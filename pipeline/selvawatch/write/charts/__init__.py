"""Charts for people: loss by month, by type and period, where fronts began, how soon loss was found.

`written` (ChartInputs, write_charts) writes them all, `bars` (HECTARES_AXIS, draw_bars) one of any table;
`drawing` (SUFFIXES, About, Origin, origin_lines, words_in_chart, write_chart) puts title and origin round
each; `months` (AREAS_SHOWN, TITLE, LegalPeriod, draw_months), `by_type`, `fronts` and `promptness` draw.
"""
