"""The Open Inference Protocol, version 2, over HTTP, with its binary extension.

``tensors`` turns bodies into pictures and answers into bodies, ``messages`` reads requests and
writes answers, ``routes`` are its addresses.
"""
