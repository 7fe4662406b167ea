"""Tests that run the same lines in teachgrad and in PyTorch 2.13 and compare what comes out."""
