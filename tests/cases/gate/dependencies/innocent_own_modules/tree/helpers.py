from team.rates import x
