"""The small package that the labs share.

Importing ``utils`` itself imports nothing: each module brings only what it needs.

=================  =============================================================
``utils.lab``      start a lab, make claims, prove equality with the library
``utils.data``     every data set of the course, by name
``utils.training`` one training loop
``utils.plots``    the figure style, and the plots that many labs share
=================  =============================================================
"""
