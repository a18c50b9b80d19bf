#include "proxy/app/command_line.hpp"

int main(int argc, char** argv) { return outrigger::app::run_command_line(argc, argv); }
