typedef int sp_placeholder;
