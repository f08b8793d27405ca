// app.hpp: the `parley` program: command line and wiring. What exists in a running service is what
// serve() builds.
#pragma once

namespace parley::app {

// The exit status: 0 done, 1 a command failed, 2 the command line or the settings are wrong.
int run(int argc, char** argv);

}  // namespace parley::app
