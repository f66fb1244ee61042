"""Classifiers behind HTTP: for programs by the Open Inference Protocol, for people by a page.

Read in this order: ``pipeline`` (pictures of one model, read on threads and computed with whatever
waits), ``models`` (several of them, and how one takes another's place), ``protocol`` (what programs
send and are sent), ``people`` (one picture, and the page), ``app`` (all addresses) and ``service``
(the process: connections, signals, and how it ends).
"""
