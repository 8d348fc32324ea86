"""What is fetched from other people's systems: its description, and how it is asked, read and paged.

Every source ends as a file in landing, delivered by an internal partner; intake and all after it know nothing of it.
"""
