# parley_room(NAME [USES room...] [LIBS library...])
#
# One folder, one static library, one namespace. What a room may include is what USES names: another
# room's headers are not on its include path, so a wrong arrow fails to compile on the day it is typed.
function(parley_room name)
  cmake_parse_arguments(ROOM "" "" "USES;LIBS" ${ARGN})
  set(dir ${CMAKE_CURRENT_SOURCE_DIR}/${name})
  file(GLOB sources CONFIGURE_DEPENDS ${dir}/src/*.cpp)
  file(GLOB_RECURSE doors CONFIGURE_DEPENDS ${dir}/include/*.hpp)
  list(FILTER sources EXCLUDE REGEX "/main[^/]*\\.cpp$")  # an executable's main is added by the room itself
  if(NOT sources)
    set(sources ${CMAKE_SOURCE_DIR}/cmake/pch.cpp)
  endif()
  add_library(parley_${name} STATIC ${sources})
  add_library(parley::${name} ALIAS parley_${name})
  target_sources(parley_${name} PUBLIC FILE_SET doors TYPE HEADERS BASE_DIRS ${dir}/include FILES ${doors})
  set_target_properties(parley_${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  list(TRANSFORM ROOM_USES PREPEND parley::)
  target_link_libraries(parley_${name} PUBLIC parley_build ${ROOM_USES} PRIVATE ${ROOM_LIBS})
  parley_precompile(parley_${name})
endfunction()

# Flags every target shares.
add_library(parley_build INTERFACE)
target_compile_options(parley_build INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Werror
  -Wno-missing-field-initializers  # every field of an options struct has its default
  # GCC 12 reports these wrongly inside inlined standard and Boost code at -O2.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow
                           -Wno-array-bounds -Wno-stringop-overread -Wno-dangling-pointer>
  $<$<CONFIG:Debug>:-g1>)
target_compile_definitions(parley_build INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
  SPDLOG_FMT_EXTERNAL)
# Sanitizers change the layout of nothing but slow everything: tests read PARLEY_SANITIZED to widen deadlines.
if(PARLEY_SANITIZE STREQUAL "address")
  set(flags -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -O1)
elseif(PARLEY_SANITIZE STREQUAL "thread")
  set(flags -fsanitize=thread -O1 -Wno-tsan)
elseif(PARLEY_SANITIZE STREQUAL "fuzzer")
  set(flags -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -O1)
endif()
if(flags AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND flags -Wno-mismatched-new-delete)  # GCC 12 reports it wrongly for coroutine frames
endif()
if(flags)
  target_compile_options(parley_build INTERFACE ${flags})
  target_link_options(parley_build INTERFACE ${flags})
  target_compile_definitions(parley_build INTERFACE PARLEY_SANITIZED=1)
endif()
target_link_libraries(parley_build INTERFACE
  Threads::Threads OpenSSL::SSL OpenSSL::Crypto Boost::json spdlog::spdlog)

# One precompiled header serves every target; clang (fuzzing) compiles without it.
function(parley_precompile target)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_precompile_headers(${target} REUSE_FROM parley_pch)
  endif()
endfunction()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_library(parley_pch STATIC ${CMAKE_SOURCE_DIR}/cmake/pch.cpp)
  target_link_libraries(parley_pch PUBLIC parley_build)
  target_precompile_headers(parley_pch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch.hpp)
endif()

# parley_unit_tests(NAME [USES room...] [LIBS library...]): tests/unit/NAME/*_test.cpp in one program, linked against that room alone.
function(parley_unit_tests name)
  cmake_parse_arguments(TEST "" "" "USES;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/unit/${name}/*.cpp)
  if(NOT sources)
    return()
  endif()
  list(TRANSFORM TEST_USES PREPEND parley::)
  add_executable(${name}_test ${sources})
  target_link_libraries(${name}_test PRIVATE parley::${name} ${TEST_USES} ${TEST_LIBS} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name}_test PRIVATE PARLEY_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  parley_precompile(${name}_test)
  gtest_discover_tests(${name}_test DISCOVERY_MODE PRE_TEST PROPERTIES LABELS unit TIMEOUT 120)
endfunction()
