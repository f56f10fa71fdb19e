"""What tests run the product in, and what they feed it: hosts, networks, data sets, cases."""
