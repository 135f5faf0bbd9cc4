# The R original, written anew from its contract.
# Rscript bench/plumber.R ADDRESS

library(plumber)

alive <- TRUE
address <- strsplit(commandArgs(trailingOnly = TRUE), ":")[[1]]

pr() |>
  pr_get("/parity", function(int) {
    if (as.integer(int) %% 2 == 0) "even" else "odd"
  }, serializer = serializer_text()) |>
  pr_get("/wait", function() {
    Sys.sleep(5)
    list(time = format(Sys.time()))
  }) |>
  pr_get("/health", function() {
    if (alive) "OK" else stop("poisoned")
  }, serializer = serializer_text()) |>
  pr_post("/fail", function() {
    alive <<- FALSE
    list()
  }) |>
  pr_post("/quit", function() quit()) |>
  pr_run(host = address[1], port = as.integer(address[2]), docs = FALSE, quiet = TRUE)
