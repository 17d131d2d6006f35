module pomcert.test/load

go 1.19
