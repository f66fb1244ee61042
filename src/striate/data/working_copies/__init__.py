"""Photographs made smaller, or brought to a network's size, so that none is decoded twice."""
