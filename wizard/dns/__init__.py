"""DNS as the world sees it: zones and their name servers, what each serves, and what is wrong."""
