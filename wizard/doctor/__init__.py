"""Proof: does what was written work for the clients on this machine?"""
