// The memory of the HTTP/2 library: from the pool of the thread that asks (proxy/base/pool.hpp), so
// that a warm session allocates nothing. Any thread.
#pragma once

#include <nghttp2/nghttp2.h>

namespace outrigger::http {

// Lives as long as the program.
nghttp2_mem* h2_memory();

}  // namespace outrigger::http
