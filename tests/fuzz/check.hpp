// A property that an input of a fuzz target must have; the runner or libFuzzer reports the input.
// Ends the process: a fuzz target has nobody to return a failure to.
#pragma once

#include <cstdio>
#include <cstdlib>

#define CHECK_THAT(property)                                              \
  do {                                                                    \
    if (!(property)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #property); \
      std::abort();                                                       \
    }                                                                     \
  } while (false)
