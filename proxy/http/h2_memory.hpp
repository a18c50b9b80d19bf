// Memory of the HTTP/2 library: freed blocks are kept by size and given out again, so that a
// request allocates nothing once its thread is warm. One store per thread, bounded; a block may be
// freed only on the thread that took it, which a session is on all its life. Under
// AddressSanitizer it is malloc, which sees every mistake.
#pragma once

#include <nghttp2/nghttp2.h>

namespace outrigger::http {

// Lives as long as the program.
nghttp2_mem* h2_memory();

}  // namespace outrigger::http
