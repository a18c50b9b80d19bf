// Which of the two text forms a scraper gets, by its Accept field. Pure functions; the forms
// themselves are the exporter's.
#pragma once

#include <cstdint>
#include <string_view>

namespace outrigger::metrics {

enum class Exposition : uint8_t { kText, kOpenMetrics };

// OpenMetrics only for who names it and does not like text better; text for everybody else, also
// for who accepts neither (RFC 9110 section 12.5.1 allows to answer anyway). `accept` may be empty.
Exposition negotiate(std::string_view accept);
std::string_view content_type(Exposition form);

}  // namespace outrigger::metrics
