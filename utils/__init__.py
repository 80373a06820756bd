"""The small package that the labs share.

Importing ``utils`` itself imports nothing: each module brings only what it needs.

===================  =============================================================
``utils.lab``        start a lab, make claims, prove equality with the library
``utils.data``       every data set of the course, by name
``utils.training``   one training loop
``utils.plots``      the figure style, and the plots that many labs share
``utils.exercises``  check an answer, give a hint, show progress
``utils.checks``     the exercises themselves, one module a chapter
``utils.diagnosis``  what is wrong with a result, in words
``utils.progress``   which exercises are solved, in one file
``utils.widgets``    figures that move, in a notebook and on the website
===================  =============================================================
"""
