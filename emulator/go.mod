module github.com/sando-dev/sando/emulator

go 1.26
