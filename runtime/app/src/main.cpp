#include <parley/app/app.hpp>

int main(int argc, char** argv) { return parley::app::run(argc, argv); }
