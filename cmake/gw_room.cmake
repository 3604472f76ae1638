# SPDX-License-Identifier: Apache-2.0
# gw_room(path deps...): a folder is a room is a static library gw_<folder>.
# Every .c in it belongs to it, except main.c.
function(gw_room path)
    get_filename_component(name ${path} NAME)
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${path}/*.c)
    list(FILTER sources EXCLUDE REGEX "/main\\.c$")
    if(sources)
        add_library(gw_${name} STATIC ${sources})
        target_include_directories(gw_${name} PUBLIC ${PROJECT_SOURCE_DIR})
        target_link_libraries(gw_${name} PUBLIC ${ARGN} Threads::Threads)
    else()
        add_library(gw_${name} INTERFACE)
        target_include_directories(gw_${name} INTERFACE ${PROJECT_SOURCE_DIR})
        target_link_libraries(gw_${name} INTERFACE ${ARGN} Threads::Threads)
    endif()
endfunction()

# gw_program(name main.c rooms...): an installed program.
function(gw_program name main)
    if(EXISTS ${PROJECT_SOURCE_DIR}/${main})
        add_executable(${name} ${PROJECT_SOURCE_DIR}/${main})
        set_target_properties(${name} PROPERTIES
            RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin POSITION_INDEPENDENT_CODE ON)
        target_link_libraries(${name} PRIVATE ${ARGN})
        set_target_properties(${name} PROPERTIES GW_WHOLE ON)
        install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    endif()
endfunction()
