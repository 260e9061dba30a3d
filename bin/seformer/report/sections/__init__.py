"""The sections of the page, a module each: what it reads of the results, and its figure or table.

A module has a function ``sections(results)``, which yields what there is something to show for. Its
words, how to read the figure and what a bad one looks like, stand in ``report/texts.toml``, and so
does the order of the page.
"""
