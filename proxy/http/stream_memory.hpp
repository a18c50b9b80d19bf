// Memory for what lives as long as one HTTP/2 stream: from the store that nghttp2 uses
// (h2_memory.hpp), so that it costs no allocation once the thread is warm. To be given back on the
// thread that took it.
#pragma once

#include <cstddef>

namespace outrigger::http {

// Aligned for anything; throws std::bad_alloc.
void* take_stream_memory(size_t bytes);
void give_back_stream_memory(void* memory);

}  // namespace outrigger::http
