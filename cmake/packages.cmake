# Every library Parley uses comes from Debian 12; `./dev setup` installs them.
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(luajit REQUIRED IMPORTED_TARGET luajit)
pkg_check_modules(soxr REQUIRED IMPORTED_TARGET soxr)
find_library(SNDFILE sndfile REQUIRED)
find_library(HIREDIS hiredis REQUIRED)
find_library(RE2 re2 REQUIRED)  # not by pkg-config: its -pthread does not go with the precompiled header
